# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every module that talks to AWS."""

from __future__ import annotations


class ModuleDocFragment:
    """Option names, aliases and environment variables are those of amazon.aws."""

    DOCUMENTATION = r"""
options:
  access_key:
    description:
      - Access key id. Goes with O(secret_key), and excludes O(profile).
      - Without it, boto3 looks in its usual places, E(AWS_ACCESS_KEY_ID) first, then the shared configuration, then the instance profile
        or web identity. The older E(AWS_ACCESS_KEY) is read where none of the newer variables is set.
    type: str
    aliases: [aws_access_key_id, aws_access_key]
  secret_key:
    description:
      - Secret access key. Also from E(AWS_SECRET_ACCESS_KEY), or the older E(AWS_SECRET_KEY).
    type: str
    aliases: [aws_secret_access_key, aws_secret_key]
  session_token:
    description:
      - Session token of temporary credentials. Also from E(AWS_SESSION_TOKEN).
    type: str
    aliases: [aws_session_token]
  profile:
    description:
      - Profile in the shared configuration. Also from E(AWS_PROFILE) or E(AWS_DEFAULT_PROFILE). Excludes the keys.
      - A profile given here wins over keys in the environment.
    type: str
    aliases: [aws_profile]
  region:
    description:
      - Region to work in. Also from E(AWS_REGION) or E(AWS_DEFAULT_REGION), then from the profile.
    type: str
    aliases: [aws_region]
  endpoint_url:
    description:
      - URL of an endpoint to talk to instead of the service's own, for S3-compatible servers and test servers.
      - Also from E(AWS_URL), and from boto3's own E(AWS_ENDPOINT_URL).
    type: str
    aliases: [aws_endpoint_url]
  aws_ca_bundle:
    description:
      - File with the certificate authorities to trust. Also from E(AWS_CA_BUNDLE).
    type: path
  validate_certs:
    description:
      - Whether the endpoint's TLS certificate is verified. Turn it off for tests only.
    type: bool
    default: true
  aws_config:
    description:
      - >-
        Arguments of C(botocore.config.Config), such as V({'retries': {'total_max_attempts': 8}}) or V({'read_timeout': 120}).
      - Without it, requests are tried up to 5 times with botocore's standard back-off, and time out after 60 seconds (10 to connect).
      - See U(https://botocore.amazonaws.com/v1/documentation/api/latest/reference/config.html).
    type: dict
  assume_role_arn:
    description:
      - ARN of a role to assume with the credentials above. Its credentials renew themselves while the task runs.
    type: str
  external_id:
    description:
      - External id that the role's trust policy asks for. Goes with O(assume_role_arn).
    type: str
notes:
  - Requires boto3 on the host that runs the module, which is usually localhost.
requirements:
  - python >= 3.10
  - boto3 >= 1.34.0
"""
