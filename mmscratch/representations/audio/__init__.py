"""Sound as vectors: spectrogram, mel, MFCC."""
