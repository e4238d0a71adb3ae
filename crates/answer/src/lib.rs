//! What may be answered from memory, and what is learned from AWS's answers.
mod answers;
mod credential;
mod meter;
mod modes;
mod reading;
mod report;
mod ruling;
mod savings;
mod settings;
mod write;

pub use answers::Answers;
pub use credential::ConnectionMemory;
pub use meter::{Answered, Meter, Upstream};
pub use modes::Modes;
pub use reading::{FlightKey, Reading};
pub use report::AnswerReport;
pub use ruling::{Asked, Bypass, Forward, Hit, Lesson, Miss, NotStored, Page, Reply, Ruling, Toll};
pub use savings::{Savings, SavingsReport};
pub use settings::{Parts, Settings};
pub use write::Write;
