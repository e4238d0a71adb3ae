//! The drive arm: Clouddriver's accounts, on-demand calls, agent runs and holds.
