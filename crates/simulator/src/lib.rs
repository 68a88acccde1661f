//! Carriers and sensors of the outside world, for demo and tests.
