package torture

import "testing"

// plantedSeeds is how many seeds the bench has to find a fault of its own.
const plantedSeeds = 10

// TestFindsPlantedFaults: the bench finds what it has broken itself.
func TestFindsPlantedFaults(t *testing.T) {
	for _, test := range []struct {
		name  string
		plant plant
	}{
		{"a disk that does not sync", lyingDisk},
	} {
		t.Run(test.name, func(t *testing.T) {
			for seed := uint64(1); seed <= plantedSeeds; seed++ {
				if err := torture(t, seed, test.plant); err != nil {
					t.Logf("found by seed %d: %v", seed, err)
					return
				}
			}
			t.Errorf("not found in %d seeds", plantedSeeds)
		})
	}
}
