"""Cross-modal retrieval: pictures, captions and sounds that find each other; captions true or false."""
