mod full_disk;
