package config

// MaxFile is the largest configuration file read, in bytes.
const MaxFile = 1 << 20
