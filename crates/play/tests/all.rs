//! The tests of the playground, as one program.

mod digit;
mod hostile;
mod network;
