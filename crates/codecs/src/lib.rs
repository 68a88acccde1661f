//! Wire formats of the field, pure.
