package hosts.boot3;

import com.netflix.spinnaker.kork.plugins.api.spring.PrivilegedSpringPlugin;
import java.nio.file.Path;
import java.util.List;
import org.pf4j.DefaultPluginManager;
import org.pf4j.PluginWrapper;
import org.pf4j.VersionManager;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.beans.factory.support.BeanDefinitionRegistry;
import org.springframework.beans.factory.support.BeanDefinitionRegistryPostProcessor;
import org.springframework.context.EnvironmentAware;
import org.springframework.core.env.Environment;

/** Does what kork's loader does with a privileged plugin: PF4J loads it, and it registers its beans before any bean is made. */
class PluginLoader implements BeanDefinitionRegistryPostProcessor, EnvironmentAware {

  private Environment environment;

  @Override
  public void setEnvironment(Environment given) {
    environment = given;
  }

  @Override
  public void postProcessBeanDefinitionRegistry(BeanDefinitionRegistry registry) {
    Path root = Path.of(environment.getRequiredProperty("spinnaker.extensibility.plugins-root-path"));
    DefaultPluginManager plugins = new Plugins(root);
    plugins.loadPlugins();
    plugins.startPlugins();
    for (PluginWrapper plugin : plugins.getStartedPlugins()) {
      ((PrivilegedSpringPlugin) plugin.getPlugin()).registerBeanDefinitions(registry);
    }
  }

  @Override
  public void postProcessBeanFactory(ConfigurableListableBeanFactory factory) {}

  private static final class Plugins extends DefaultPluginManager {
    Plugins(Path root) {
      super(List.of(root));
    }

    /** PF4J's own needs a library for semantic versions, which nothing here does. */
    @Override
    protected VersionManager createVersionManager() {
      return new VersionManager() {
        @Override
        public boolean checkVersionConstraint(String version, String constraint) {
          return true;
        }

        @Override
        public int compareVersions(String one, String other) {
          return one.compareTo(other);
        }
      };
    }
  }
}
