//! Tests in a table, for test binaries that are also the processes they start: those have a main of their own.

use std::time::Instant;

/// Runs the tests whose names have one of the arguments in them, or all.
pub fn run(arguments: &[String], tests: &[(&str, fn())]) {
    let filters: Vec<&String> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
    for (name, test) in tests {
        if filters.is_empty() || filters.iter().any(|f| name.contains(f.as_str())) {
            let begun = Instant::now();
            test();
            println!("test {name} ... ok ({:.2} s)", begun.elapsed().as_secs_f32());
        }
    }
}
