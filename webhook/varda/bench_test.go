package varda_test

import (
	"testing"
)

func BenchmarkVerify(b *testing.B) {
	source, body := standard(b), fixture(b, outcome)
	header := sign(secret, body, signedAt())
	b.ReportAllocs()
	for b.Loop() {
		if err := source.Verify(header, body, signedAt()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	source := standard(b)
	for _, kind := range []string{outcome, "call.ended", "conversation.created"} {
		b.Run(kind, func(b *testing.B) {
			body := fixture(b, kind)
			header := sign(secret, body, signedAt())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := source.Read(header, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
