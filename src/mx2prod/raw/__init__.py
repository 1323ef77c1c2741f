"""The DAQ file: layout, decoding, checking, salvage, encoding."""
