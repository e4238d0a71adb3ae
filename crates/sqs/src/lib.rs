//! Hints in through SQS queues.
