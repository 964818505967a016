//! The tests of the command, as one program.

mod bad_tables;
mod doctor;
mod evaluate;
mod exchange;
mod explain;
mod faults;
mod grad;
mod images;
mod kill;
mod play;
mod predict;
mod several_targets;
mod train;
mod train_errors;
mod worked;
