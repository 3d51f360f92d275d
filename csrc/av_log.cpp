#include "av_log.h"

#include <cstdio>
#include <limits>
#include <utility>

namespace fs {
namespace {

constexpr int NOTHING = std::numeric_limits<int>::min();
thread_local int most = NOTHING;
thread_local std::vector<std::string> messages;

}  // namespace

void listen_to_av_log(int level) {
  messages.clear();
  most = level;
}

std::vector<std::string> heard_from_av_log() {
  most = NOTHING;
  return std::exchange(messages, {});
}

void av_log_callback(void*, int level, const char* format, std::va_list arguments) noexcept {
  if (level >= 0) level &= 0xff;  // above it stand colours for terminals
  if (level > most) return;
  char text[1024];
  if (std::vsnprintf(text, sizeof text, format, arguments) < 0) return;
  try {
    messages.emplace_back(text);
  } catch (...) {  // no memory: the message is lost, and FFmpeg must not see the exception
  }
}

}  // namespace fs
