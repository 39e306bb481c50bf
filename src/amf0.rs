//! AMF0 values and their bytes.
