/* Power failures in qcow2 images, all of them:
 *
 *   crash [-l] [-s SEED] [PART_OF_A_NAME]
 *
 * Each trial prepares an image in memory, has what follows on tape, and then looks at
 * every state that a crash could have left (states.h).  In all of them the image must
 * be sound but for leaks: for the judge, for qcow2_check() and (of some states; of more
 * with -l) for qemu-img; what was promised must be there, and snapshots to the last
 * bit.  Each prints a line of the kind that tests/run counts. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crash/trial.h"

int main(int argc, char **argv)
{
	struct trials all = { .seed = 1 };
	int c;

	while ((c = getopt(argc, argv, "ls:")) != -1) {
		if (c == 'l')
			all.is_long = true;
		else if (c == 's')
			all.seed = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	all.only = argv[optind];
	for (unsigned i = 0; i < shape_count; i++) {
		offline_trials(&all, &shapes[i]);
		online_trials(&all, &shapes[i]);
	}
	printf("%llu states with seed %llu: %llu with leaks; %llu given to qemu-img, %llu "
	       "repaired\n",
	       (unsigned long long)all.states, (unsigned long long)all.seed,
	       (unsigned long long)all.leaking, (unsigned long long)all.checked,
	       (unsigned long long)all.repaired);
	image_forget();
	return 0;
}
