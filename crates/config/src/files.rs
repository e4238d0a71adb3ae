//! Files that the configuration names: they must be there and readable when it is read, not first when they are needed.

use std::path::PathBuf;

use crate::mistake::Mistake;
use crate::section::Section;

/// The path of a file that can be read; a mistake is noted when it cannot.
pub(crate) fn readable(section: &Section<'_>, key: &str) -> Option<PathBuf> {
    let path = section.value::<PathBuf>(key)?;
    match section.reading().outside.read(&path.to_string_lossy()) {
        Ok(_) => Some(path),
        Err(problem) => {
            section.wrong(key, problem);
            None
        }
    }
}

/// The same for a list of files.
pub(crate) fn all_readable(section: &Section<'_>, key: &str) -> Vec<PathBuf> {
    let reading = section.reading();
    let check =
        |(path, place): (PathBuf, Option<crate::tree::Place>)| match reading.outside.read(&path.to_string_lossy()) {
            Ok(_) => Some(path),
            Err(problem) => {
                let mistake = section.about(key, problem);
                reading.mistake(Mistake {
                    line: place.map(|p| p.line).or(mistake.line),
                    column: place.map(|p| p.column).or(mistake.column),
                    ..mistake
                });
                None
            }
        };
    section.values::<PathBuf>(key).into_iter().filter_map(check).collect()
}
