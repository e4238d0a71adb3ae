mod full_disk;
mod power_cut;
