//! Observations, rules, alarms, incoming signals (监测).
