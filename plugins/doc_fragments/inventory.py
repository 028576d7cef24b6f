# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that the inventory plugins share."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of every inventory plugin, and those of the ones that talk to AWS."""

    DOCUMENTATION = r"""
options:
  cache_on_failure:
    description:
      - Whether the last answer in the cache is used when the source can't be read, however old it is. A warning says how old, and why.
      - Needs O(cache=true), and a cache plugin that keeps what it has between runs, such as V(ansible.builtin.jsonfile).
      - Not for options that are wrong. Answers to other options than those of now are never used.
    type: bool
    default: false
    env:
      - name: CLOUDOPS_INVENTORY_CACHE_ON_FAILURE
    ini:
      - section: inventory
        key: cloudops_cache_on_failure
  concurrency:
    description:
      - How many requests are made side by side.
    type: int
    default: 16
    env:
      - name: CLOUDOPS_INVENTORY_CONCURRENCY
    ini:
      - section: inventory
        key: cloudops_concurrency
notes:
  - Options may have templates; they know lookups and extra variables.
  - The age of what is in the cache is judged by the time in it. O(cache_timeout=0) means that it never ends.
"""

    AWS_CONNECTION = r"""
options:
  access_key:
    description:
      - Access key id. Goes with O(secret_key).
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
      - Profile in the shared configuration. Also from E(AWS_PROFILE) or E(AWS_DEFAULT_PROFILE).
      - A profile given here wins over keys in the environment.
    type: str
    aliases: [aws_profile, boto_profile]
  region:
    description:
      - Region of the connection. Also from the profile.
    type: str
    aliases: [aws_region]
    env:
      - name: AWS_REGION
      - name: AWS_DEFAULT_REGION
  endpoint_url:
    description:
      - URL of an endpoint to talk to instead of the service's own, for test servers. Also from boto3's own E(AWS_ENDPOINT_URL).
    type: str
    aliases: [aws_endpoint_url]
    env:
      - name: AWS_URL
  aws_ca_bundle:
    description:
      - File with the certificate authorities to trust.
    type: path
    env:
      - name: AWS_CA_BUNDLE
  validate_certs:
    description:
      - Whether the endpoint's TLS certificate is verified. Turn it off for tests only.
    type: bool
    default: true
  aws_config:
    description:
      - >-
        Arguments of C(botocore.config.Config), such as V({'retries': {'total_max_attempts': 8}}) or V({'read_timeout': 120}).
    type: dict
  assume_role_arn:
    description:
      - ARN of a role to assume with the credentials above.
    type: str
    aliases: [iam_role_arn]
  external_id:
    description:
      - External id that the role's trust policy asks for.
    type: str
requirements:
  - python >= 3.10
  - boto3 >= 1.34.0
"""

    K8S_CONNECTION = r"""
options:
  kubeconfig:
    description:
      - Path of a kubeconfig file, or its content as a mapping.
      - Without it, E(KUBECONFIG) (which may name several files), then C(~/.kube/config), then the service account of the pod that Ansible
        runs in. None of these is read when O(host) is given.
    type: raw
    env:
      - name: K8S_AUTH_KUBECONFIG
  context:
    description: Context in the kubeconfig. Without it, the kubeconfig's current one. Excludes O(contexts).
    type: str
    env:
      - name: K8S_AUTH_CONTEXT
  host:
    description: URL of the API server. With a kubeconfig, it takes the place of the address there.
    type: str
    env:
      - name: K8S_AUTH_HOST
  api_key:
    description: Bearer token. Wins over the credentials in the kubeconfig.
    type: str
    env:
      - name: K8S_AUTH_API_KEY
  username:
    description: Name for basic authentication. Goes with O(password).
    type: str
    env:
      - name: K8S_AUTH_USERNAME
  password:
    description: Password for basic authentication.
    type: str
    env:
      - name: K8S_AUTH_PASSWORD
  validate_certs:
    description: Whether the server's TLS certificate is verified. Without it, as the kubeconfig says. Turn it off for tests only.
    type: bool
    aliases: [verify_ssl]
    env:
      - name: K8S_AUTH_VERIFY_SSL
  ca_cert:
    description: File with the certificate authorities to trust.
    type: path
    aliases: [ssl_ca_cert]
    env:
      - name: K8S_AUTH_SSL_CA_CERT
  client_cert:
    description: File with a client certificate. Goes with O(client_key).
    type: path
    aliases: [cert_file]
    env:
      - name: K8S_AUTH_CERT_FILE
  client_key:
    description: File with the client certificate's key.
    type: path
    aliases: [key_file]
    env:
      - name: K8S_AUTH_KEY_FILE
  proxy:
    description: URL of a proxy to go through.
    type: str
    env:
      - name: K8S_AUTH_PROXY
  impersonate_user:
    description: User to act as.
    type: str
    env:
      - name: K8S_AUTH_IMPERSONATE_USER
  impersonate_groups:
    description: Groups to act as.
    type: list
    elements: str
    env:
      - name: K8S_AUTH_IMPERSONATE_GROUPS
requirements:
  - python >= 3.10
  - kubernetes >= 24.2.0
"""
