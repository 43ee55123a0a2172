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
		{"a block that is another than was verified", forger},
		{"a quota that does not hold", overQuota},
		{"a partner who reads what he must not", openDoor},
		{"a file that stays open", openFile},
		{"boxes that meet without a partner's word", gossip},
	} {
		t.Run(test.name, func(t *testing.T) {
			for seed := uint64(1); seed <= plantedSeeds; seed++ {
				if err := torture(t, seed, test.plant, new(counts)); err != nil {
					t.Logf("found by seed %d: %v", seed, err)
					return
				}
			}
			t.Errorf("not found in %d seeds", plantedSeeds)
		})
	}
}
