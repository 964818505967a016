//! Reads tables, says what their columns are, encodes them, and shows how long that takes.
//!
//! `cargo run --release -p chainrule-data --example read -- FILE...`; `--generate ROWS FILE` writes a table of six columns
//! to try it with.

use std::{
    env,
    error::Error,
    fs::File,
    io::{BufWriter, Write},
    time::Instant,
};

use chainrule_data::{Encoder, Kinds, LevelOptions, ReadOptions, read_chunks, read_frame};

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<String> = env::args().skip(1).collect();
    if let [flag, rows, path] = paths.as_slice()
        && flag == "--generate"
    {
        return Ok(generate(rows.parse()?, path)?);
    }
    let bytes: u64 = paths.iter().map(|path| size(path)).sum();
    let rate = |start: Instant| {
        let seconds = start.elapsed().as_secs_f64();
        format!("{seconds:.2} s, {:.0} MB/s", bytes as f64 / 1e6 / seconds)
    };

    let start = Instant::now();
    let mut rows = 0;
    for chunk in read_chunks(&paths, &ReadOptions::default())? {
        rows += chunk?.rows();
    }
    println!("{rows} rows in chunks: {}", rate(start));

    let start = Instant::now();
    let frame = read_frame(&paths, &ReadOptions::default())?;
    println!("read: {}", rate(start));

    let all: Vec<u32> = (0..u32::try_from(frame.rows())?).collect();
    let begin = Instant::now();
    let kinds = Kinds::infer(&frame, &all, &[], &ReadOptions::default())?;
    println!("kinds: {}", rate(begin));
    let begin = Instant::now();
    let encoder = Encoder::fit(&frame, &all, &kinds, &LevelOptions::default())?;
    println!("fit: {}", rate(begin));
    let begin = Instant::now();
    let encoded = encoder.encode(&frame, &all)?;
    println!("encode: {}, {} features", rate(begin), encoded.features.cols());
    println!("read and encoded: {}\n\n{kinds}", rate(start));
    Ok(())
}

fn size(path: &str) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn generate(rows: u64, path: &str) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    writeln!(out, "price,area,rooms,city,sold,old")?;
    let mut state = 1u64;
    let mut next = |bound: u64| {
        // Knuth's linear congruential generator.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    for _ in 0..rows {
        let (euros, cents, area, tenth) = (next(900_000), next(100), next(300), next(10));
        let (rooms, city, day, old) = (next(9), next(40), next(28) + 1, next(2) == 0);
        let (year, month) = (2000 + next(24), next(12) + 1);
        writeln!(out, "{euros}.{cents:02},{area}.{tenth},{rooms},city {city},{year}-{month:02}-{day:02},{old}")?;
    }
    out.flush()
}
