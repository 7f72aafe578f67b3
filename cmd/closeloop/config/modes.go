package config

import "io/fs"

// Exposed returns a warning for each file with a secret in it that every user
// of the machine may read. stat is os.Stat; a file it cannot find is passed
// over.
func (c *Config) Exposed(stat func(string) (fs.FileInfo, error)) []Problem {
	const readableByAll = 0o004
	var found []Problem
	for _, secret := range c.SecretFiles {
		info, err := stat(secret.File)
		if err != nil || info.Mode().Perm()&readableByAll == 0 {
			continue
		}
		p := secret.Problem
		p.What = "the file holds a secret and every user of this machine may read it"
		p.Hint = "chmod o-r " + secret.File
		found = append(found, p)
	}
	return found
}
