"""Published weights: files read without unpickling, names mapped, a zoo with sizes and licences."""
