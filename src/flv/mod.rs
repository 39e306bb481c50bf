//! FLV tags, codec headers, files: what RTMP messages and recordings are made of.
