#include "tone.h"

#include <algorithm>
#include <cmath>

namespace fs {
namespace {

constexpr double kWhite = 203.0;     // cd/m2 of diffuse white in HDR video (ITU-R BT.2408-7)
constexpr double kGamma = 2.4;       // of an SDR display (BT.1886)
constexpr double kKnee = 0.75;       // of SDR code values, where highlights begin to be pressed together
constexpr double kHlgPeak = 1000.0;  // cd/m2 of the display that HLG's system gamma of 1.2 is for (BT.2100-2)

// Code values 0..1 to displayed cd/m2: SMPTE ST 2084, and BT.2100's HLG with its OOTF channel by channel.
double pq_light(double code) {
  constexpr double m1 = 2610.0 / 16384.0, m2 = 2523.0 / 4096.0 * 128.0;
  constexpr double c1 = 3424.0 / 4096.0, c2 = 2413.0 / 4096.0 * 32.0, c3 = 2392.0 / 4096.0 * 32.0;
  const double power = std::pow(code, 1.0 / m2);
  return 10000.0 * std::pow(std::max(power - c1, 0.0) / (c2 - c3 * power), 1.0 / m1);
}

double hlg_light(double code) {
  constexpr double a = 0.17883277, b = 1.0 - 4.0 * a;
  const double c = 0.5 - a * std::log(4.0 * a);
  const double scene = code <= 0.5 ? code * code / 3.0 : (std::exp((code - c) / a) + b) / 12.0;
  return kHlgPeak * std::pow(scene, 1.2);
}

// Light as a code value of SDR whose highlights go on beyond 1.
double sdr_code(double light) { return std::pow(light / kWhite, 1.0 / kGamma); }

// Presses kKnee..most into kKnee..1: slope 1 at the knee, a hyperbola above it.
double pressed(double code, double most) {
  if (code <= kKnee) return code;
  const double t = (code - kKnee) / (1.0 - kKnee), end = (most - kKnee) / (1.0 - kKnee);
  return kKnee + (1.0 - kKnee) * t / (1.0 + t * (1.0 - 1.0 / end));
}

ToneTables make_tables(double (*light)(double)) {
  ToneTables tables{};
  const double most = sdr_code(light(1.0));
  const auto curve = [&](double code) { return pressed(sdr_code(light(code)), most); };
  for (int i = 0; i < kToneSteps + 2; ++i) {
    const double x = std::min(1.0, static_cast<double>(i) / kToneSteps);
    tables.to_sdr[i] = static_cast<float>(curve(x));
    double low = 0.0, high = 1.0;  // the curve rises, so halving finds the inverse
    for (int step = 0; step < 40; ++step) {
      const double middle = 0.5 * (low + high);
      (curve(middle) < x ? low : high) = middle;
    }
    tables.from_sdr[i] = static_cast<float>(0.5 * (low + high));
  }
  tables.from_sdr[0] = 0.0f;
  return tables;
}

}  // namespace

const ToneTables* tone_tables(Transfer transfer) {
  if (transfer == Transfer::kSdr) return nullptr;
  static const ToneTables pq = make_tables(pq_light), hlg = make_tables(hlg_light);
  return transfer == Transfer::kPq ? &pq : &hlg;
}

}  // namespace fs
