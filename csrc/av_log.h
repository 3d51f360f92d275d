// What FFmpeg says, kept without the GIL.
#pragma once

#include <cstdarg>
#include <string>
#include <vector>

namespace fs {

// Keeps what FFmpeg says in the calling thread from now on, up to a level of its own (AV_LOG_ERROR is 16).
void listen_to_av_log(int level);

// Ends that; the messages since then, whole or cut to 1,023 bytes.
std::vector<std::string> heard_from_av_log();

// For av_log_set_callback. Drops what is said in threads that do not listen. It waits for nothing: FFmpeg
// calls it from threads of its decoders too, which the thread that closes a decoder waits for while it holds
// the GIL.
void av_log_callback(void* context, int level, const char* format, std::va_list arguments) noexcept;

}  // namespace fs
