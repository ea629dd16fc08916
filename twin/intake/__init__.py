"""The way in: deliveries are verified, decoded, queued and handed on in batches."""
