"""What the daemon decides by itself; its life is shown with real processes in tests/swarm."""

import pytest

from node.config import load_config
from node.daemon import check_own_names
from node.faults import ConfigFault


def test_a_stranger_among_our_files_is_refused_by_name() -> None:
    with pytest.raises(ConfigFault, match="'conestack-node'"):
        check_own_names({"node": ["drl-node", "conestack-node"], "protocol": ["drl-node"]})


@pytest.mark.parametrize(
    "distributions", [{}, {"node": ["drl-node"], "protocol": ["drl-node"], "rich": ["rich"]}]
)
def test_our_files_alone_are_fine(distributions: dict[str, list[str]]) -> None:
    check_own_names(distributions)


def test_the_models_process_is_told_all_that_shapes_the_swarm() -> None:
    loaded = load_config(flags={("swarm", "top_k"): 9, ("train", "epochs"): 2})

    settings = loaded.config.engine_settings

    assert (settings.swarm.top_k, settings.train.epochs) == (9, 2)
    assert settings.data_dir == str(loaded.config.data_dir)
