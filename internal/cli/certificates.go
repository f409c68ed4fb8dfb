package cli

import "github.com/spf13/cobra"

func (a *app) certificatesCommand() *cobra.Command {
	return noun("certificates", "Certificates that a manager made for itself", nil,
		program("show", "Show the certificates of the manager with the data directory", a.CertificatesShow, a),
		program("export-ca", "Print the certificate that clients have to trust", a.CertificatesExport, a))
}
