# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove everything that a listing shows: listing and removing at once, in bounded memory, until a listing shows nothing more.

Knows nothing of any provider: it is given a way to list and a way to remove a batch, and it keeps the account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from ansible_collections.cloudops.core.plugins.module_utils._core.account import Account, Refusal
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Conflict, NotFound
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import batches, stream
from ansible_collections.cloudops.core.plugins.module_utils._core.progress import SILENT, Progress
from ansible_collections.cloudops.core.plugins.module_utils._core.wait import REAL_CLOCK, Clock, backoff

Item = TypeVar("Item")

GONE = "Gone"
"""The code of a refusal whose item wasn't there any more."""


@dataclass(frozen=True)
class Batch(Generic[Item]):
    """What became of one batch.

    :param failed: the provider refused the request as a whole.
    """

    size: int
    removed: Sequence[Item]
    refused: Sequence[Refusal[Item]]
    failed: bool = False


@dataclass
class Patience:
    """Shared by the batches of one drain: when one has waited in vain for all of it to be taken, the next needn't wait as long."""

    over: bool = False


@dataclass(frozen=True)
class Drain(Generic[Item]):
    """How to drain one container.

    :param list_items: starts a new listing of all that has to go.
    :param remove: removes one batch and returns what was refused or gone already; raises a CloudOpsError when the whole batch was.
    :param on_removed: told of the items that are gone (in the caller's thread).
    :param batch_size: items a call.
    :param concurrency: calls at once.
    :param retry_codes: refusals of these codes pass, of single items and of whole batches; they are tried again, ``retries`` times with
        growing pauses. What the SDK tries again by itself comes before that, and may be over within a second.
    :param max_passes: listings at the most, for when somebody adds while we remove.
    :param verify: list once more after a pass, to see that nothing is left. Without it, the caller finds that out by other means.
    :param max_items: a hard stop: never remove more than this many. None: no limit.
    :param progress: told how many are gone.
    """

    list_items: Callable[[], Iterator[Item]]
    remove: Callable[[Sequence[Item]], Sequence[Refusal[Item]]]
    on_removed: Callable[[Iterable[Item]], None]
    batch_size: int = 1000
    concurrency: int = 16
    retry_codes: frozenset[str] = frozenset()
    retries: int = 5
    max_passes: int = 5
    verify: bool = True
    max_items: int | None = None
    progress: Progress = SILENT
    clock: Clock = REAL_CLOCK

    def run(self) -> Account[Item]:
        """Drain until a listing shows nothing, something was refused, or the passes are used up."""
        account: Account[Item] = Account()
        while account.passes < self.max_passes:
            account.passes += 1
            seen = self._one_pass(account)
            if account.refused or account.gave_up:
                return account
            if not seen or not self.verify:
                account.drained = True
                return account
        return account

    def _one_pass(self, account: Account[Item]) -> int:
        seen = 0
        failed_in_a_row = 0
        patience = Patience()
        work = batches(self._within_limit(account), self.batch_size)
        remove = partial(self._remove_patiently, patience)
        for outcome in stream(remove, work, concurrency=self.concurrency):
            batch = outcome.value
            if batch is None:  # the work never raises a CloudOpsError
                continue
            seen += batch.size
            account.add_refusals(batch.refused)
            account.removed += len(batch.removed)
            self.on_removed(batch.removed)
            self.progress.update(account.removed)
            failed_in_a_row = failed_in_a_row + 1 if batch.failed else 0
            if failed_in_a_row >= max(self.concurrency, 3):
                account.gave_up = True
        return seen

    def _within_limit(self, account: Account[Item]) -> Iterator[Item]:
        """The listing, cut short by an error when it would go past the limit (others added while we removed)."""
        taken = account.removed
        for item in self.list_items():
            if account.gave_up:
                return
            if self.max_items is not None and taken >= self.max_items:
                raise Conflict(
                    f"objects were added meanwhile; stopped at the limit of {self.max_items} entries",
                    code="LimitReached",
                    hint="Stop the writers, or raise max_objects, and run again.",
                )
            taken += 1
            yield item

    def _remove_patiently(self, patience: Patience, batch: Sequence[Item]) -> Batch[Item]:
        """Remove a batch; what was refused for a passing reason is tried again after a pause, be it items or all of it."""
        left, final, failed = batch, list[Refusal[Item]](), False
        pauses = backoff(first=0.2, factor=2.0, most=10.0)
        for tries_left in range(self.retries, -1, -1):
            try:
                refused, whole = self.remove(left), False
            except NotFound:
                final += [Refusal(item, GONE) for item in left]
                break
            except CloudOpsError as error:
                refused, whole = [Refusal(item, error.code or error.kind, error.message) for item in left], True
            passing = [refusal for refusal in refused if refusal.code in self.retry_codes]
            final += [refusal for refusal in refused if refusal.code not in self.retry_codes]
            if not passing or not tries_left or (whole and patience.over):
                final += passing
                failed = whole and len(left) == len(batch)
                patience.over = failed and bool(passing)
                break
            self.clock.sleep(next(pauses))
            left = [refusal.item for refusal in passing]
        kept = {id(refusal.item) for refusal in final}  # by identity, as keys may repeat
        removed = [item for item in batch if id(item) not in kept]
        return Batch(len(batch), removed, [refusal for refusal in final if refusal.code != GONE], failed)
