//! The things of the register: lists, forms, cards, views, pivots, files, over HTTP and from the store.

mod cards;
mod doors;
mod filters;
mod forms;
mod personal;
mod pivots;
mod scopes;
mod speed;
mod yard;
