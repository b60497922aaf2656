"""What every other room uses: settings, errors, logs, texts and files."""
