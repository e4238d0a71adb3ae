//! Hints in: the SNS endpoint, signature check, envelopes and decoders.
