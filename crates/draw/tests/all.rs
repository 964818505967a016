//! The tests of pictures, as one program.

mod networks;
mod pictures;
mod report;
mod samples;
