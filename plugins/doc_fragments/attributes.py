# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes that modules declare."""

from __future__ import annotations


class ModuleDocFragment:
    """Each module picks the attributes that hold for it."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Can run in check mode and says what a real run would do, without writing anything.
    support: full
  diff_mode:
    description: Shows what changes, before and after, in check mode and in a real run alike.
    support: full
  idempotent:
    description: When run again with the same options and nothing else has changed, it reports C(changed=false).
    support: full
"""

    INFO = r"""
attributes:
  check_mode:
    description: Only reads, so check mode makes no difference.
    support: full
  diff_mode:
    description: Only reads, so there is nothing to show.
    support: none
  idempotent:
    description: Only reads, and never reports a change.
    support: full
"""

    AWS_GROUP = r"""
attributes:
  action_group:
    description: Use C(group/cloudops.core.aws) in C(module_defaults) to set the connection options once.
    support: full
    membership:
      - cloudops.core.aws
"""

    K8S_GROUP = r"""
attributes:
  action_group:
    description: Use C(group/cloudops.core.k8s) in C(module_defaults) to set the connection options once.
    support: full
    membership:
      - cloudops.core.k8s
"""

    GCP_GROUP = r"""
attributes:
  action_group:
    description: Use C(group/cloudops.core.gcp) in C(module_defaults) to set the connection options once.
    support: full
    membership:
      - cloudops.core.gcp
"""

    AZURE_GROUP = r"""
attributes:
  action_group:
    description: Use C(group/cloudops.core.azure) in C(module_defaults) to set the connection options once.
    support: full
    membership:
      - cloudops.core.azure
"""
