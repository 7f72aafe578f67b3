package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"closeloop/conversions"
	"closeloop/sandbox"
)

// demoSide is one of the two accounts of the demo: the same calls, through one
// of the two APIs. The exported fields are those that demo.yaml names.
type demoSide struct {
	Account        conversions.AccountID
	API            conversions.API
	Source, Secret string
	Customer       string
	Booked, Quoted int64
	play           sandbox.Play
	answers        map[string]int // to deliveries
}

// earlier is by how much the calls of the second account are older: outcomes
// wait a day before they go through the Data Manager API, and each account needs
// clicks of its own, which sample ids have that are at least 25 hours apart.
const earlier = 26 * time.Hour

// demoSides are the two accounts with the same calls.
func demoSides(start time.Time) []*demoSide {
	sides := []*demoSide{
		{Account: "google-ads", API: conversions.APIGoogleAds, Source: "varda-1", Customer: demoCustomer, Booked: demoBooked, Quoted: demoQuoted},
		{Account: "data-manager", API: conversions.APIDataManager, Source: "varda-2", Customer: "2345678901", Booked: 2001, Quoted: 2002},
	}
	for i, side := range sides {
		side.Secret = "demo-secret-of-" + side.Source
		side.play = sandbox.Yesterday(start.Add(-time.Duration(i)*earlier), side.Secret, side.Customer)
		side.answers = map[string]int{}
	}
	return sides
}

// deliver posts every delivery of the play to the source of each account.
func (d *demo) deliver(ctx context.Context) error {
	d.say("   %-34s %-24s %s", "", d.sides[0].Account, d.sides[1].Account)
	for i, delivery := range d.sides[0].play.Deliveries {
		answers := make([]string, len(d.sides))
		for j, side := range d.sides {
			var err error
			if answers[j], err = d.post(ctx, side, side.play.Deliveries[i]); err != nil {
				return err
			}
		}
		d.say("   %-34s %-24s %s", delivery.Name, answers[0], answers[1])
	}
	return nil
}

// post delivers one webhook and notes the answer.
func (d *demo) post(ctx context.Context, side *demoSide, delivery sandbox.Delivery) (answer string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url+"/webhooks/"+side.Source, bytes.NewReader(delivery.Body))
	if err != nil {
		return "", fmt.Errorf("post webhook: %w", err)
	}
	req.Header = delivery.Header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("post webhook: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return "", fmt.Errorf("read answer to webhook: %w", err)
	}
	word := strings.Trim(strings.TrimSpace(string(body)), `{}"`)
	_, word, _ = strings.Cut(word, `":"`)
	if resp.StatusCode >= http.StatusBadRequest {
		word = "refused: " + word
	}
	if resp.StatusCode != delivery.Expect.Status {
		d.wrong = append(d.wrong, fmt.Sprintf("%s was answered %d, not %d", delivery.Name, resp.StatusCode, delivery.Expect.Status))
	}
	answer = fmt.Sprintf("%d %s", resp.StatusCode, word)
	side.answers[answer]++
	return answer, nil
}
