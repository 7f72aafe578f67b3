// Package config reads closeloop.yaml, the program's only configuration file,
// and the secrets it names.
//
// It owns the names of the settings, what is allowed in them, the defaults
// and the words in which a mistake is told. It does not own what a setting
// does: that is the package the setting is handed to by cmd. It opens no
// database, connects to nothing and reads no clock.
//
// Start reading at Config, then Load; example.yaml explains every key.
package config
