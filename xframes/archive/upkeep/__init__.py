"""Keeping an archive fast and sound: compaction, rebuild, verification, repair, merging."""
