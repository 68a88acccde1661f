//! SQLite and PostgreSQL behind one door: unit of work, journal, outbox, deadlines, leases.
