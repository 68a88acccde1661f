//! People, posts, organisations, regions (台账).
