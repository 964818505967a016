//! The tests of what reads data, as one program.

mod columnar;
mod common;
mod encoder;
mod frame;
mod idx;
mod images;
mod mnist;
mod several_targets;
mod stored;
mod table;
mod table_errors;
