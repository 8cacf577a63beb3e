package main

import "context"

// inTurns measures one side after the other, n times, so that both meet the same
// conditions. It returns the samples of each. A first turn fills caches and is not counted.
func inTurns(ctx context.Context, n int, sides ...func() (float64, error)) ([][]float64, error) {
	samples := make([][]float64, len(sides))
	for turn := range n + 1 {
		for i, side := range sides {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			v, err := side()
			if err != nil {
				return nil, err
			}
			if turn > 0 {
				samples[i] = append(samples[i], v)
			}
		}
	}
	return samples, nil
}
