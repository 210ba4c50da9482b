//! Numbers: functions of reals and complex numbers, random numbers, statistics, hashes.
