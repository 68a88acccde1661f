//! The kit: login, permission guard, pages, problems over HTTP.
