"""What a person looks at: figures, waveforms, the report."""
