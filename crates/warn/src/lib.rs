//! Weather processes, rounds, ladders, calls and channels (预警叫应).
