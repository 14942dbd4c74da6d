/* Runs a fuzz target without libFuzzer: replay FILE|DIR... gives it each file as
 * it is, then COUNT (environment, default 20000) mutations of them, always the
 * same ones, so that a failure comes back. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SEEDS_MAX  256
#define INPUT_MAX  (128 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	uint8_t *bytes;
	size_t len;
} seeds[SEEDS_MAX];
static unsigned seed_count;
static uint64_t random_state = 0x9e3779b97f4a7c15;

/* xorshift64: good enough to stir bytes. */
static uint64_t random_u64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void add_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes = malloc(INPUT_MAX);

	if (!f || !bytes || seed_count == SEEDS_MAX) {
		fprintf(stderr, "replay: cannot take %s\n", path);
		exit(2);
	}
	seeds[seed_count].bytes = bytes;
	seeds[seed_count].len = fread(bytes, 1, INPUT_MAX, f);
	seed_count++;
	fclose(f);
}

static void add(const char *path)
{
	struct dirent **names;
	struct stat st;
	char inner[4096];
	int n;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
		add_file(path);
		return;
	}
	n = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.') {
			snprintf(inner, sizeof(inner), "%s/%s", path, names[i]->d_name);
			add_file(inner);
		}
		free(names[i]);
	}
	free(names);
}

/* A copy of the exact size, so that a read behind its end is seen. */
static void give(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		exit(2);
	memcpy(copy, bytes, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static void mutate_and_give(void)
{
	static const uint8_t odd[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	static uint8_t work[INPUT_MAX];
	const unsigned which = (unsigned)(random_u64() % seed_count);
	size_t len = seeds[which].len;

	memcpy(work, seeds[which].bytes, len);
	for (uint64_t n = 1 + random_u64() % 8; n > 0 && len > 0; n--) {
		const size_t at = random_u64() % len;

		switch (random_u64() % 4) {
		case 0:
			work[at] = (uint8_t)random_u64();
			break;
		case 1:
			work[at] = odd[random_u64() % sizeof(odd)];
			break;
		case 2:
			work[at] ^= (uint8_t)(1u << random_u64() % 8);
			break;
		default:
			if (random_u64() % 8 == 0)
				len = at + 1;
			break;
		}
	}
	give(work, len);
}

int main(int argc, char **argv)
{
	const char *count_text = getenv("COUNT");
	const long count = count_text ? atol(count_text) : 20000;

	for (int i = 1; i < argc; i++)
		add(argv[i]);
	if (seed_count == 0) {
		fprintf(stderr, "usage: replay FILE|DIR...\n");
		return 2;
	}
	for (unsigned i = 0; i < seed_count; i++)
		give(seeds[i].bytes, seeds[i].len);
	for (long i = 0; i < count; i++)
		mutate_and_give();
	printf("%u files, %ld mutations\n", seed_count, count);
	return 0;
}
