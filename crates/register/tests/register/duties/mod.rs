//! People and their duties: the directory, boards, visits, staffing, the yearly question, 牌子 and duty areas.

mod areas;
mod asks;
mod boards;
mod directory;
mod staffing;
mod visits;
mod yard;
