# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every module that talks to Google Cloud."""

from __future__ import annotations


class ModuleDocFragment:
    """Option names and environment variables are those of google.cloud."""

    DOCUMENTATION = r"""
options:
  project:
    description:
      - Id of the project to work in. Needed to create a bucket, and to list the buckets of a project.
      - Also from E(GCP_PROJECT). Without either it is the project of the credentials, or E(GOOGLE_CLOUD_PROJECT).
    type: str
  auth_kind:
    description:
      - V(application) takes the application default credentials. They come from the file that E(GOOGLE_APPLICATION_CREDENTIALS) names,
        from C(gcloud auth application-default login), or from the service account of the machine or the cluster.
      - V(serviceaccount) takes O(service_account_file) or O(service_account_contents), V(accesstoken) takes O(access_token).
      - Also from E(GCP_AUTH_KIND). Without either, the credentials that are given decide, and V(application) is used when none are.
      - Options win over the environment. With credentials in an option, no variable of another kind of credentials is looked at.
    type: str
    choices: [application, serviceaccount, accesstoken]
  service_account_file:
    description:
      - JSON file with the key of a service account. Also from E(GCP_SERVICE_ACCOUNT_FILE).
    type: path
  service_account_contents:
    description:
      - The contents of such a file, as a mapping or as JSON text. Also from E(GCP_SERVICE_ACCOUNT_CONTENTS).
    type: jsonarg
  access_token:
    description:
      - OAuth2 access token. It isn't renewed, so it has to outlive the task. Also from E(GCP_ACCESS_TOKEN).
    type: str
  scopes:
    description:
      - OAuth2 scopes to ask for. Also from E(GCP_SCOPES), with commas between them.
      - Without it, C(https://www.googleapis.com/auth/devstorage.full_control).
    type: list
    elements: str
  api_endpoint:
    description:
      - URL of an endpoint to talk to instead of C(https://storage.googleapis.com), for private access and for emulators.
      - Also from E(STORAGE_EMULATOR_HOST).
      - An endpoint on the loopback, or one from E(STORAGE_EMULATOR_HOST), is an emulator. It gets no credentials unless an option names
        some. To any other endpoint credentials are sent over https only.
    type: str
  billing_project:
    description:
      - Project that is billed for the requests, which buckets with requester pays ask for.
    type: str
    aliases: [user_project]
  request_timeout:
    description:
      - Seconds that one request may take.
    type: int
    default: 60
  retry_deadline:
    description:
      - Seconds for which a request that fails for a passing reason is tried again, with growing pauses. V(0) tries once.
    type: int
    default: 60
notes:
  - Requires google-cloud-storage on the host that runs the module, which is usually localhost.
requirements:
  - python >= 3.10
  - google-cloud-storage >= 2.14.0
"""
