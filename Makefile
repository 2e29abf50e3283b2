# Each target sets up what it needs in .venv; PYTHON chooses the interpreter (3.11 to 3.13).
PYTHON ?= python3
BIN = .venv/bin
SEED ?= 0

.PHONY: demo test check hostile swarm model judge reproduce reproduce-quick reference vectors clean

demo: .venv/installed  ## four nodes on loopback learn together; ends with a scoreboard
	$(BIN)/drl-node swarm up --nodes 4 --rounds 20

swarm: .venv/installed  ## the same with other draws: make swarm SEED=7
	$(BIN)/drl-node swarm up --nodes 4 --rounds 20 --seed $(SEED)

test: .venv/developer  ## the whole test suite
	$(BIN)/pytest

check: .venv/developer  ## what a change must pass: style, types, floors, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest

model: .venv/developer  ## train the embedded model anew, from nothing (about ten minutes)
	$(BIN)/python examples/tiny/train.py --out node/policy/builtin

judge: .venv/developer  ## train the embedded judge anew from the embedded model (three minutes)
	$(BIN)/python examples/judge/train.py --out node/policy/builtin_judge

hostile: .venv/developer  ## what hostile peers can do to a live node, measured (some three hours)
	$(BIN)/python examples/hostile/run.py --page

PAPER = attacks shares oracle kl defences

reproduce-quick: .venv/developer headline.experiment  ## the paper's headline, undefended and defended (five minutes)

reproduce: .venv/developer headline.experiment $(PAPER:=.experiment)  ## the paper's figures (an hour)
	$(BIN)/python examples/bench/judge.py

%.experiment: .venv/developer
	$(BIN)/drl-node lab run examples/paper/$*.toml --dir runs/paper/$*
	$(BIN)/drl-node lab report runs/paper/$*

reference: .venv/developer  ## write the reference tables anew
	$(BIN)/python -m node.reference

vectors: .venv/developer  ## write the wire's golden vectors anew
	$(BIN)/python tests/vectors/make.py

.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "drl-node needs Python 3.11 to 3.13: make PYTHON=python3.12 ..."; exit 1; }
	@echo '#include <gmp.h>' | $${CC:-cc} -E - >/dev/null 2>&1 \
	  || { echo "A C compiler and the gmp headers are missing: apt-get install build-essential libgmp-dev"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/developer: .venv/installed
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

clean:
	rm -rf .venv dist
