# Short names for what is done often: https://just.systems

# Shows these
default:
    @just --list

# Everything that a change has to pass
ci:
    .ci/run

# A made-up shop, a stand-in for Digible, and the agent
demo *args:
    cargo demo {{args}}

# The numbers of docs/performance.md; `just bench --only sync` for one of them
bench *args:
    cargo run --release --locked -p shopmaster-bench -- {{args}}

# The pictures of docs/tray.md
pictures:
    docs/pictures/make

# Random cases in which everything goes wrong at once
storm *args:
    cargo run --release --locked -p shopmaster-harness --bin storm -- {{args}}
