# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every module that talks to Kubernetes."""

from __future__ import annotations


class ModuleDocFragment:
    """Option names, aliases and environment variables are those of kubernetes.core."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of a kubeconfig file, or its content as a mapping. Also from E(K8S_AUTH_KUBECONFIG).
      - Without it, E(KUBECONFIG) (which may name several files), then C(~/.kube/config), then the service account of the pod that the
        module runs in. None of these is read when O(host) is given.
      - It is never written to.
    type: raw
  context:
    description:
      - Context in the kubeconfig. Also from E(K8S_AUTH_CONTEXT). Without it, the kubeconfig's current one.
    type: str
  host:
    description:
      - URL of the API server, such as V(https://cluster.example.com:6443). Also from E(K8S_AUTH_HOST).
      - With a kubeconfig, it takes the place of the address there.
    type: str
  api_key:
    description:
      - Bearer token. Also from E(K8S_AUTH_API_KEY). Wins over the credentials in the kubeconfig.
    type: str
  username:
    description:
      - Name for basic authentication. Also from E(K8S_AUTH_USERNAME). Goes with O(password).
    type: str
  password:
    description:
      - Password for basic authentication. Also from E(K8S_AUTH_PASSWORD).
    type: str
  validate_certs:
    description:
      - Whether the server's TLS certificate is verified. Also from E(K8S_AUTH_VERIFY_SSL). Turn it off for tests only.
      - Without it, as the kubeconfig says, which is yes unless it has C(insecure-skip-tls-verify).
    type: bool
    aliases: [verify_ssl]
  ca_cert:
    description:
      - File with the certificate authorities to trust. Also from E(K8S_AUTH_SSL_CA_CERT).
    type: path
    aliases: [ssl_ca_cert]
  client_cert:
    description:
      - File with a client certificate. Also from E(K8S_AUTH_CERT_FILE). Goes with O(client_key).
    type: path
    aliases: [cert_file]
  client_key:
    description:
      - File with the client certificate's key. Also from E(K8S_AUTH_KEY_FILE).
    type: path
    aliases: [key_file]
  proxy:
    description:
      - URL of a proxy to go through. Also from E(K8S_AUTH_PROXY).
    type: str
  impersonate_user:
    description:
      - User to act as. The credentials need the verb C(impersonate). Also from E(K8S_AUTH_IMPERSONATE_USER).
    type: str
  impersonate_groups:
    description:
      - Groups to act as. Also from E(K8S_AUTH_IMPERSONATE_GROUPS).
    type: list
    elements: str
notes:
  - Requires the kubernetes Python package on the host that runs the module, which is usually localhost.
requirements:
  - python >= 3.10
  - kubernetes >= 24.2.0
"""
